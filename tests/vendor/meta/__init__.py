"""Meta's own Python SDK against convey's sandbox."""
