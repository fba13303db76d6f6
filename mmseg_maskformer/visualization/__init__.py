"""Images, label maps and segments as pictures."""
