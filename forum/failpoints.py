"""Named steps at which a test has the process die, to see that nothing is lost there.

`FORUM_CRASH_AT=mail.sent` ends the process at that step as a power cut would: nothing is tidied up.
"""

import os

_CRASH_AT = os.environ.get("FORUM_CRASH_AT", "")


def reach(step: str) -> None:
    """Die here if this is the step that a test named."""
    if step == _CRASH_AT:
        os._exit(137)
