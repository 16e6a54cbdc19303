"""Names and regions as XMP (dc:subject, PersonInImage, MWG regions), beside what is there already.

What we wrote is remembered in the packet, so that a later export takes back what is not so any
more, and nothing that somebody else wrote.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator

from memoria_pipeline.errors import ExportError
from memoria_pipeline.export.regions import Marks, Region

_SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "memoria": "urn:memoria:export#",
    # so that what others wrote keeps the prefixes that people know
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "darktable": "http://darktable.sf.net/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
}
for _prefix, _uri in _SPACES.items():
    ET.register_namespace(_prefix, _uri)

_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>\n'
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _q(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_SPACES[prefix]}}}{local}"


_LI, _BAG, _ABOUT = _q("rdf:li"), _q("rdf:Bag"), _q("rdf:about")
_KEYWORDS = (
    (_q("dc:subject"), _q("memoria:Subjects")),
    (_q("Iptc4xmpExt:PersonInImage"), _q("memoria:Persons")),
)


def packet(marks: Marks, there: bytes | None = None) -> bytes:
    """The whole XMP packet; there: the one that the photo has. Raises ExportError where that one
    cannot be understood: nothing may be lost of it."""
    root = _parsed(there) if there and there.strip(b"\0 \t\r\n") else ET.Element(_q("x:xmpmeta"))
    rdf = root if root.tag == _q("rdf:RDF") else root.find(_q("rdf:RDF"))
    if rdf is None:
        rdf = ET.SubElement(root, _q("rdf:RDF"))
    names = [_UNWRITABLE.sub("", name) for name in marks.names]
    for tag, ours in _KEYWORDS:
        _keywords(rdf, tag, ours, names)
    _regions(rdf, marks)
    text = ET.tostring(root, encoding="unicode")
    return (_BEGIN + text + _END).encode()


def _parsed(there: bytes) -> ET.Element:
    data = there.strip(b"\0 \t\r\n")
    if re.search(rb"<\s*!\s*(DOCTYPE|ENTITY)", data.replace(b"\0", b""), re.I):
        raise ExportError("Its XMP declares entities, which no photo needs; it was not touched.")
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError):
        raise ExportError("Its XMP is no XML that can be read; it was not touched.") from None
    if root.tag not in (_q("x:xmpmeta"), _q("rdf:RDF"), "{adobe:ns:meta/}xapmeta"):
        raise ExportError("Its XMP is not in the form that the standard has; it was not touched.")
    return root


def _keywords(rdf: ET.Element, tag: str, ours: str, names: Iterable[str]) -> None:
    """Take back the names that we wrote before, write those of now, and remember which are ours."""
    items, kept = _items(rdf, tag), _items(rdf, ours)
    old = {item.text for item in kept}
    for item in [each for each in items if each.text in old]:
        items.remove(item)
    kept.clear()
    there = {item.text for item in items}
    for name in dict.fromkeys(names):
        if name not in there:
            ET.SubElement(items, _LI).text = name
            ET.SubElement(kept, _LI).text = name
    for list_, name in ((items, tag), (kept, ours)):
        if not len(list_):
            _drop(rdf, name)


def _items(rdf: ET.Element, tag: str) -> ET.Element:
    """The list that a property holds, made where it is missing."""
    found = _property(rdf, tag)
    if found is None:
        found = ET.SubElement(_description(rdf), tag)
    for each in found:
        if each.tag in (_BAG, _q("rdf:Seq"), _q("rdf:Alt")):
            return each
    bag = ET.SubElement(found, _BAG)
    if found.text and found.text.strip():  # one value where a list should be
        ET.SubElement(bag, _LI).text = found.text.strip()
        found.text = None
    return bag


def _description(rdf: ET.Element) -> ET.Element:
    first = rdf.find(_q("rdf:Description"))
    if first is None:
        first = ET.SubElement(rdf, _q("rdf:Description"), {_ABOUT: ""})
    return first


def _property(rdf: ET.Element, tag: str) -> ET.Element | None:
    for each in rdf.findall(_q("rdf:Description")):
        if (found := each.find(tag)) is not None:
            return found
        if tag in each.attrib:  # the short form of a single value
            made = ET.SubElement(each, tag)
            made.text = each.attrib.pop(tag)
            return made
    return None


def _drop(rdf: ET.Element, tag: str) -> None:
    for each in rdf.findall(_q("rdf:Description")):
        for found in each.findall(tag):
            each.remove(found)


def _regions(rdf: ET.Element, marks: Marks) -> None:
    """As the names: ours of before go, those of others stay, and none is there twice."""
    found = _property(rdf, _q("mwg-rs:Regions"))
    if found is None:
        if not marks.regions or marks.width is None or marks.height is None:
            return
        found = _new_regions(_description(rdf), marks.width, marks.height)
    items = _list(found)
    for item in [each for each in items if _is_ours(each)]:
        items.remove(item)
    there = [each for item in items if (each := _read(item)) is not None]
    for region in marks.regions:
        if not any(each.name == region.name and each.covers(region) for each in there):
            _write(items, region)
    if not len(items):
        _drop(rdf, _q("mwg-rs:Regions"))


def _new_regions(into: ET.Element, width: int, height: int) -> ET.Element:
    made = ET.SubElement(into, _q("mwg-rs:Regions"), {_q("rdf:parseType"): "Resource"})
    size = {"w": str(width), "h": str(height), "unit": "pixel"}
    of = {_q(f"stDim:{name}"): value for name, value in size.items()}
    ET.SubElement(made, _q("mwg-rs:AppliedToDimensions"), of)
    return made


def _list(regions: ET.Element) -> ET.Element:
    """The list in a structure, which may be written in two ways."""
    inner = regions.find(_q("rdf:Description"))
    holder = regions if inner is None else inner
    found = holder.find(_q("mwg-rs:RegionList"))
    if found is None:
        found = ET.SubElement(holder, _q("mwg-rs:RegionList"))
    for each in found:
        return each
    return ET.SubElement(found, _BAG)


def _write(items: ET.Element, region: Region) -> None:
    item = ET.SubElement(items, _LI, {_q("rdf:parseType"): "Resource"})
    ET.SubElement(item, _q("mwg-rs:Name")).text = _UNWRITABLE.sub("", region.name)
    ET.SubElement(item, _q("mwg-rs:Type")).text = "Face"
    area = {name: f"{getattr(region, name):.6f}" for name in ("x", "y", "w", "h")}
    of = {_q(f"stArea:{name}"): value for name, value in area.items()}
    ET.SubElement(item, _q("mwg-rs:Area"), {**of, _q("stArea:unit"): "normalized"})
    ET.SubElement(item, _q("memoria:Exported")).text = "True"


def _is_ours(item: ET.Element) -> bool:
    return any(each.tag == _q("memoria:Exported") for each in item.iter())


def _read(item: ET.Element) -> Region | None:
    """Somebody else's region, in whatever form; None where it is no rectangle with a name."""
    said = dict(_values(item))
    try:
        x, y, w, h = (float(said[_q(f"stArea:{name}")]) for name in "xywh")
        return Region(said[_q("mwg-rs:Name")], x, y, w, h)
    except (KeyError, ValueError):
        return None


def _values(item: ET.Element) -> Iterator[tuple[str, str]]:
    for each in item.iter():
        yield from each.attrib.items()
        yield each.tag, (each.text or "").strip()
