"""How far an edited clip is from the true edit: held-out scenes, edited by the filter, against the same scenes rendered anew."""
