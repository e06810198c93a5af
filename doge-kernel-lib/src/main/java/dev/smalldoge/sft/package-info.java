/** Supervised fine-tuning: from a language model to one that answers. */
package dev.smalldoge.sft;
