/** Pre-training: from random weights, or from a checkpoint, to a language model. */
package dev.smalldoge.pretrain;
