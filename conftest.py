"""The plugin comes through its entry point; nothing else is needed here."""
