"""Lightning callbacks that draw and measure what a fit is doing."""
