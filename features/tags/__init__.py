"""From the text of a post to tags: normalise, find words, let guards judge, set the clock of an event."""
