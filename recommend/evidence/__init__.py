"""Why a row is in the list: what speaks for it, how much each piece carries, and words."""
