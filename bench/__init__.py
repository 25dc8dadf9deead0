# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Measures what the library promises: ``python -m bench``, from the root of the repository.

Absolute times depend on the machine. So all results are ratios of two things measured alternately
in one run, or bytes in the VM, or numbers of calls, which do not depend on the machine.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The raw server and the VM's harness are the tests'.
for folder in (ROOT / "tests", ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
