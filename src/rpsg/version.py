"""The version of this program: releases name it, and packaging reads it from here."""

VERSION = "0.2.0"
