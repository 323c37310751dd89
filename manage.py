#!/usr/bin/env python
"""Django's command line: `python manage.py help` lists what there is."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")

from django.core.management import execute_from_command_line

import celery_app  # noqa: F401 so that commands send their tasks to the configured broker

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
