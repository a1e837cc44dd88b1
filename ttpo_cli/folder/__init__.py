"""A folder of photos: the plan, the journal, what is done with each photo, and the run that can be killed and resumed."""
