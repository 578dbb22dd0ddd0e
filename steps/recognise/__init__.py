"""The recognise step: all the views of one object -> its category."""
