/** Data sets of a Hugging Face hub, fetched over its HTTP interface. */
package dev.smalldoge.data.hub;
