"""What each stage has made, accepted or rejected; one idea a file."""
