"""What log lines of every package carry, and what they must not. Plain Python."""
