"""The sections of the overview, one for each intent: what is set up, and the buttons for the next step."""
