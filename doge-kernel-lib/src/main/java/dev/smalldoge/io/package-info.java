/**
 * The files of a Hugging Face model folder: safetensors, config.json, generation_config.json, and
 * the names and shapes of a Doge's weights.
 */
package dev.smalldoge.io;
