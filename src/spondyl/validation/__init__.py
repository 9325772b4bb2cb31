"""How well Spondyl sees: its answers beside the truth, for phantoms and for lesions put into real scans.

cases     one case each: made, written as files, assessed as a user would, compared
compare   a case's results beside its truth, level by level and lesion by lesion
run       many cases, side by side, each kept as it finishes
tables    what the records say of lesions, canal, SINS and density
figures   the same as pictures
"""
