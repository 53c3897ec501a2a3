"""botocore's descriptions of AWS's services, read once for the whole process.

botocore reads them for each session, and moto makes a session for each backend and several
while it is imported: a second and a half of CPU at each start of the engine. So this is imported
before moto. A loader keeps what it read, and sessions may share one.
"""

from __future__ import annotations

import functools

import botocore.session

botocore.session.create_loader = functools.cache(botocore.session.create_loader)
botocore.session.create_loader(None).load_data("endpoints")  # for a client of any service
