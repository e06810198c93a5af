/** Direct preference optimisation: from a model that answers to one that answers as preferred. */
package dev.smalldoge.dpo;
