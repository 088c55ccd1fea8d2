"""Published networks as points of spaces: each can be a start, a baseline and a reference.

A member is a specification and, where that leaves choices, the network of its space that was
published; beside it stand the figures that its source gives. Facts are data, a file a group
(``residual``, ``mobile``, ...), registered in :mod:`mathdesign.zoo.members`. A member becomes a
:class:`mathdesign.result.Design` like any other, except that nobody sought it: its certificate says
``given`` and has no bound.
"""
