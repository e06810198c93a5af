package dev.smalldoge.train;

import dev.smalldoge.torch.Tensor;
import java.util.Map;

/**
 * All that a run needs beside the weights to go on exactly as if it had not ended.
 *
 * @param step updates done
 * @param tokensSeen counted tokens so far
 * @param position micro-batches that the data delivered
 * @param seed of the run; the random numbers of a step follow from it and the step
 * @param learningRate of the last update
 * @param moments the optimizer's moments by name
 * @param updates updates that each weight has had
 */
public record TrainingState(
    long step,
    long tokensSeen,
    long position,
    long seed,
    double learningRate,
    Map<String, Tensor> moments,
    Map<String, Long> updates) {}
