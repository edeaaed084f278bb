"""Step 1a: where the subject is; one family of detectors a file."""
