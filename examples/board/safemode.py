# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: Unlicense
import nh_boot

nh_boot.safemode()
