"""What the learner gets."""
