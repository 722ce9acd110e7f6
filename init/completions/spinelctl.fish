# fish reads this when spinelctl is completed for the first time; the program knows its verbs best.
spinelctl completion fish | source
