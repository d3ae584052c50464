# SPDX-License-Identifier: Apache-2.0
"""Physical memory as a picture: what is drawn, on which scale, as text and as SVG."""
