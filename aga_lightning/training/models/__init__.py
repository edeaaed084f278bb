"""What is trained: classifiers and the ways to mix their batches."""
