package dev.smalldoge.generate;

/** Follows the replies of a chat while they are written. */
public interface ChatListener {
  /** A reply has begun. */
  default void began(Chat chat) {}

  /** The reply goes on with this piece, of whole characters. */
  void wrote(Chat chat, String piece);

  /** The reply is complete, and part of the chat's history; or the attempt failed. */
  default void ended(Chat chat) {}
}
