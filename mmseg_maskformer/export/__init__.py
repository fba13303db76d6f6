"""Models as files of other runtimes, and the proof that they say the same."""
