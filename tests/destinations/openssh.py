"""The OpenSSH server of the local stack, under the name that the tests know it by."""

from tidegate_local.launcher import free_port
from tidegate_local.sshd import MISSING, Server, installed, serving

__all__ = ["MISSING", "Server", "free_port", "installed", "serving"]
