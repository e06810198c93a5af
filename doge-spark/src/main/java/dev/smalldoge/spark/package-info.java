/** The preprocessing of {@code dev.smalldoge.data} on Apache Spark; nothing else needs Spark. */
package dev.smalldoge.spark;
