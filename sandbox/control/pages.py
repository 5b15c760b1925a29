"""The control room's pages. Each form does what a call of the control API does."""
