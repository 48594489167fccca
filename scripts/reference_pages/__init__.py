# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages that scripts/reference writes, each from its source of truth."""
