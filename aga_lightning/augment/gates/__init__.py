"""Gates accept or reject the result of each stage; one idea a file."""
