/**
 * Text to ids and back: tokenizers that Hugging Face writes, our own byte-level BPE and its
 * training, and chat templates.
 */
package dev.smalldoge.tokenizer;
