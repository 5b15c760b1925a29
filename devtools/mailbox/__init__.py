"""Mails of development: kept as files instead of sent, and shown at /dev/mailbox/.

They hold the links of invitations and passwords, so the folder and the files are readable for their user
alone, and the pages for browsers on this machine.
"""
