package dev.smalldoge.dpo;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.PreferenceLoss;
import dev.smalldoge.data.PreferencePair;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Comparison;
import dev.smalldoge.torch.DoubleTwin;
import dev.smalldoge.torch.DoubleTwin.Visibility;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import dev.smalldoge.train.MicroBatch;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The preference loss of a whole model, and all its gradients, against the double twin. */
class PairBatchTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  private static final ModelConfig CONFIG =
      TestModels.small()
          .with(
              e -> {
                e.vocabSize = TOKENIZER.vocabSize();
                e.numHiddenLayers = 1;
              });
  private static final PreferencePairs PAIRS =
      PreferencePairs.of(
          List.of(pair("p", "yes", "no"), pair("qq", "a", "bcd")), TOKENIZER, 64, 40);

  private static PreferencePair pair(String prompt, String chosen, String rejected) {
    return new PreferencePair(
        List.of(Message.user(prompt)), Message.assistant(chosen), Message.assistant(rejected));
  }

  /** Log-probability of an answer by the twin. */
  private static double score(DoubleTwin twin, int pair, boolean chosen) {
    EncodedPair encoded = PAIRS.pair(pair);
    int[] answer = chosen ? encoded.chosen() : encoded.rejected();
    long[] ids = new long[encoded.prompt().length + answer.length];
    long[] labels = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      boolean learned = i >= encoded.prompt().length;
      ids[i] = learned ? answer[i - encoded.prompt().length] : encoded.prompt()[i];
      labels[i] = learned ? ids[i] : DogeForCausalLm.IGNORE_INDEX;
    }
    return -twin.nats(new long[][] {ids}, new long[][] {labels}, Visibility.ALL);
  }

  private static double loss(DoubleTwin policy, double[] reference, PreferenceLoss loss) {
    double sum = 0;
    for (int pair = 0; pair < PAIRS.count(); pair++) {
      double chosen = score(policy, pair, true) - reference[2 * pair];
      double rejected = score(policy, pair, false) - reference[2 * pair + 1];
      if (loss.form() == PreferenceLoss.Form.IPO) {
        double margin =
            chosen / PAIRS.pair(pair).chosen().length
                - rejected / PAIRS.pair(pair).rejected().length;
        sum += Math.pow(margin - 1 / (2 * loss.beta()), 2);
      } else {
        sum += Math.log(1 + Math.exp(-loss.beta() * (chosen - rejected)));
      }
    }
    return sum;
  }

  @ParameterizedTest
  @EnumSource(PreferenceLoss.Form.class)
  void lossAndGradientsEqualTheTwin(PreferenceLoss.Form form) {
    PreferenceLoss settings = new PreferenceLoss(form, 0.1, 0);
    Map<String, TwinArray> arrays = TwinWeights.of(CONFIG, 31);
    DoubleTwin twin = new DoubleTwin(CONFIG, TwinWeights.values(arrays));
    for (boolean recompute : new boolean[] {false, true}) {
      try (TensorScope scope = new TensorScope();
          DogeForCausalLm other = TestModels.model(CONFIG, 32);
          DogeForCausalLm model = TestModels.model(CONFIG, arrays)) {
        ReferenceScores scores = ReferenceScores.compute(other, PAIRS, 1);
        double[] reference = {
          scores.of(0, true), scores.of(0, false), scores.of(1, true), scores.of(1, false)
        };
        model.weights().train(name -> true);
        model.recompute(recompute);
        PairBatch batch = PairBatches.batch(PAIRS, scores, settings, OPERATIONS, 0, 1);
        MicroBatch.Result result = batch.backward(model, 2, 1);
        double expected = loss(twin, reference, settings);
        // log-probabilities are fp32 sums of up to 3 terms of about 5 nats; IPO squares them
        double tolerance = form == PreferenceLoss.Form.IPO ? 1e-6 * expected : 1e-6;
        assertThat(result.loss().item()).isCloseTo(expected, within(tolerance));
        DoubleSupplier half = () -> loss(twin, reference, settings) / 2;
        Random random = new Random(33);
        model
            .weights()
            .gradients()
            .forEach((name, g) -> compareAlong(arrays.get(name), g, random, half, name));
      }
    }
  }

  /** Compares Σ gradient · direction with the difference of the loss along a random direction. */
  private static void compareAlong(
      TwinArray weight, Tensor gradient, Random random, DoubleSupplier loss, String name) {
    double[] values = weight.values();
    double[] direction = random.doubles(values.length, -1, 1).toArray();
    float[] found = gradient.toFloats();
    double expected = 0;
    double size = 0;
    for (int i = 0; i < found.length; i++) {
      expected += found[i] * direction[i];
      size += found[i] * found[i];
    }
    double[] before = values.clone();
    double[] step = {0};
    double difference =
        Comparison.differences(
            step,
            () -> {
              for (int i = 0; i < values.length; i++) {
                values[i] = before[i] + step[0] * direction[i];
              }
              return loss.getAsDouble();
            })[0];
    System.arraycopy(before, 0, values, 0, values.length);
    // as in ModelTwinTest: fp32 rounding goes by the gradient's length
    assertThat(expected).as(name).isCloseTo(difference, within(1e-4 * Math.sqrt(size) + 1e-8));
  }

  @Test
  void aPolicyThatIsTheReferenceHasNoMargin() {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(CONFIG, 34)) {
      ReferenceScores scores = ReferenceScores.compute(model, PAIRS, 2);
      MicroBatch.Result result =
          PairBatches.batch(PAIRS, scores, PreferenceLoss.DEFAULT, OPERATIONS, 0, 1).measure(model);
      assertThat(result.loss().item()).isCloseTo(2 * Math.log(2), within(1e-9));
      assertThat(result.sums().get("rewardMargin").item()).isZero();
      assertThat(result.sums().get("klEstimate").item()).isZero();
      double chosen = scores.of(0, true) + scores.of(1, true);
      assertThat(result.sums().get("chosenLogProbability").item()).isCloseTo(chosen, within(1e-9));
    }
  }

  @Test
  void scoresDoNotDependOnTheRowsBesideThem() {
    try (TensorScope scope = new TensorScope();
        DogeForCausalLm model = TestModels.model(CONFIG, 35)) {
      ReferenceScores alone = ReferenceScores.compute(model, PAIRS, 1);
      ReferenceScores together = ReferenceScores.compute(model, PAIRS, 2);
      for (int pair = 0; pair < 2; pair++) {
        for (boolean chosen : new boolean[] {true, false}) {
          // fp32 matrix products of other shapes
          assertThat(together.of(pair, chosen)).isCloseTo(alone.of(pair, chosen), within(2e-5));
        }
      }
    }
  }
}
