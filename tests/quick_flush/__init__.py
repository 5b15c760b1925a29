"""An app with one command: a `flush` that empties only what holds rows."""
