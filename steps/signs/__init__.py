"""What recognise and detect both know of traffic signs: cutting them out, and a network that judges the patches."""
