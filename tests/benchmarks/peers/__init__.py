"""How other tools do the same export, each in a few lines as its own documentation shows; run in their environments."""
