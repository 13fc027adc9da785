"""The keys of a configuration, and how they are read from INI text and overrides."""
