"""The sections of the configuration, a file each: every setting with its bounds, its default and its meaning."""
