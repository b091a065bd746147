"""People: profiles, search by name, and who follows, blocks and mutes whom."""
