"""What the code knows better than whoever writes the pages of docs/: settings, metrics, and examples of events."""
