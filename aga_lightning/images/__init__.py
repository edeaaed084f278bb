"""What an image is: its record, its pixels, its mask and its hashes; all other rooms stand on this one."""
