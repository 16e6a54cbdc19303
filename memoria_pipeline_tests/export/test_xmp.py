"""XMP read back by others: Pillow, and the XML library itself."""

import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from memoria_pipeline.errors import ExportError
from memoria_pipeline.export.album import photos
from memoria_pipeline.export.jpeg import with_xmp, xmp_of
from memoria_pipeline.export.regions import marks
from memoria_pipeline.export.xmp import packet
from memoria_pipeline_tests.export.tags import AWKWARD, photo, row

NS = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "area": "http://ns.adobe.com/xmp/sType/Area#",
    "dim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
LIGHTROOM = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"
   xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:own="http://example.org/own/"
   xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
   xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
   xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#">
  <own:note>keep me</own:note>
  <dc:subject><rdf:Bag><rdf:li>wedding</rdf:li><rdf:li>Ada</rdf:li></rdf:Bag></dc:subject>
  <mwg-rs:Regions rdf:parseType="Resource">
   <mwg-rs:AppliedToDimensions stDim:w="6000" stDim:h="4000" stDim:unit="pixel"/>
   <mwg-rs:RegionList><rdf:Bag>
    <rdf:li><rdf:Description mwg-rs:Name="Dog" mwg-rs:Type="Pet">
     <mwg-rs:Area stArea:x="0.8" stArea:y="0.8" stArea:w="0.1" stArea:h="0.1"
       stArea:unit="normalized"/></rdf:Description></rdf:li>
   </rdf:Bag></mwg-rs:RegionList>
  </mwg-rs:Regions>
 </rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>   """


def parsed(data: bytes) -> ET.Element:
    return ET.fromstring(data)


def names(data: bytes, prop: str = "dc:subject") -> list[str | None]:
    return [each.text for each in parsed(data).findall(f".//{prop}/rdf:Bag/rdf:li", NS)]


def regions(data: bytes) -> list[tuple[str | None, tuple[float, ...]]]:
    """Name and centre x, y, w, h of each, in either form."""
    found = []
    for item in parsed(data).findall(".//rs:RegionList/rdf:Bag/rdf:li", NS):
        name = item.findtext("rs:Name", None, NS)
        inner = item.find("rdf:Description", NS)
        area = item.find(".//rs:Area", NS)
        assert area is not None
        if name is None and inner is not None:
            name = inner.get(f"{{{NS['rs']}}}Name")
        place = tuple(float(area.attrib[f"{{{NS['area']}}}{side}"]) for side in "xywh")
        found.append((name, place))
    return found


def test_a_face_is_a_region_by_its_centre() -> None:
    [one] = photos([row()])
    made = packet(marks(one))
    assert regions(made) == [("Ada", (0.2, 0.4, 0.2, 0.4))]
    assert names(made) == names(made, "ext:PersonInImage") == ["Ada"]
    size = parsed(made).find(".//rs:AppliedToDimensions", NS)
    assert size is not None
    assert [size.attrib[f"{{{NS['dim']}}}{side}"] for side in ("w", "h", "unit")] == [
        *("640", "480", "pixel")
    ]
    assert re.match(rb"<\?xpacket begin=\"\xef\xbb\xbf\"", made)
    assert made.rstrip().endswith(b'<?xpacket end="w"?>')


def test_a_manual_tag_is_a_name_without_a_region() -> None:
    [one] = photos([row(box=None, face=None, source="manual")])
    made = packet(marks(one))
    assert names(made) == ["Ada"]
    assert regions(made) == []


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_come_back_as_they_are(name: str) -> None:
    made = packet(marks(photo(name)))
    assert names(made) == [name]
    assert regions(made)[0][0] == name


def test_what_xml_cannot_hold_is_left_out_of_a_name() -> None:
    made = packet(marks(photo("A\x01d\x1fa\ufffe")))
    assert names(made) == ["Ada"]


def test_what_somebody_else_wrote_stays() -> None:
    made = packet(marks(photo("Ada", "Max")), LIGHTROOM)
    assert names(made) == ["wedding", "Ada", "Max"]  # Ada is not there twice
    assert [name for name, _ in regions(made)] == ["Dog", "Ada", "Max"]
    assert b"keep me" in made
    assert b'xmp:Rating="5"' in made
    size = parsed(made).find(".//rs:AppliedToDimensions", NS)
    assert size is not None
    assert size.attrib[f"{{{NS['dim']}}}w"] == "6000"


def test_an_export_takes_back_its_own_names_and_nobody_elses() -> None:
    first = packet(marks(photo("Ada", "Max")), LIGHTROOM)
    second = packet(marks(photo("Zoë")), first)
    assert names(second) == ["wedding", "Ada", "Zoë"]  # Ada was there before us
    assert names(second, "ext:PersonInImage") == ["Zoë"]
    assert [name for name, _ in regions(second)] == ["Dog", "Zoë"]
    last = packet(marks(photo("Zoë")), second)
    assert last == second


def test_a_region_that_another_program_drew_is_not_drawn_again() -> None:
    theirs = packet(marks(photo("Dog")), None).replace(b"Exported", b"Drawn")
    assert len(regions(packet(marks(photo("Dog")), theirs))) == 1


@pytest.mark.parametrize(
    "there",
    [
        b"<x:xmpmeta",
        b"no xml",
        b"<html/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>',
        "<!DOCTYPE a><x/>".encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_what_cannot_be_understood_is_refused_and_not_lost(there: bytes) -> None:
    with pytest.raises(ExportError, match="not touched"):
        packet(marks(photo("Ada")), there)


@pytest.mark.parametrize("there", [b"", b"\0\0 ", None])
def test_an_empty_packet_is_none(there: bytes | None) -> None:
    assert names(packet(marks(photo("Ada")), there)) == ["Ada"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=4, unique=True))
def test_any_names_make_a_packet_that_can_be_read_and_made_again(given: list[str]) -> None:
    one = photo("Ada", *given)
    made = packet(marks(one))
    parsed(made)
    assert packet(marks(one), made) == made


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_lies_where_the_face_is_in_the_stored_pixels(orientation: int) -> None:
    stored = Image.new("L", (40, 30))
    stored.paste(255, (4, 6, 12, 18))  # a face, as the camera stored it
    upright = ImageOps.exif_transpose(_turned(stored, orientation))
    left, top, right, bottom = upright.getbbox() or (0, 0, 0, 0)
    box = (
        *(left / upright.width, top / upright.height),
        *((right - left) / upright.width, (bottom - top) / upright.height),
    )
    one = photos([row(box=box, width=upright.width, height=upright.height)])[0]
    found = marks(one, orientation)
    assert (found.width, found.height) == (40, 30)
    [region] = found.regions
    place = (region.x, region.y, region.w, region.h)
    assert place == pytest.approx((8 / 40, 12 / 30, 8 / 40, 12 / 30))


def _turned(stored: Image.Image, orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    stored.save(data, "png", exif=exif)
    return Image.open(data)


def jpeg(**options: Any) -> bytes:
    data = io.BytesIO()
    image = Image.effect_noise((64, 48), 50).convert("RGB")
    image.save(data, "jpeg", **options)
    return data.getvalue()


def exif() -> bytes:
    made = Image.Exif()
    made[0x010E] = "a camera wrote this"
    return made.tobytes()


@pytest.mark.parametrize(
    "options", [{}, {"exif": exif()}, {"progressive": True}, {"comment": b"c"}]
)
def test_a_jpeg_gets_its_segment_and_keeps_every_other_byte(options: dict[str, Any]) -> None:
    before = jpeg(**options)
    made = packet(marks(photo("Ada", "Zoë")))
    after = with_xmp(before, made)
    at = after.index(b"\xff\xe1" + (len(made) + 31).to_bytes(2, "big") + b"http://ns.adobe.com/xap")
    assert after[:at] + after[at + len(made) + 33 :] == before
    assert xmp_of(after) == made
    with Image.open(io.BytesIO(before)) as one, Image.open(io.BytesIO(after)) as other:
        assert one.tobytes() == other.tobytes()
        assert one.getexif() == other.getexif()
        told = other.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert told["subject"]["Bag"]["li"] == ["Ada", "Zoë"]
    listed = told["Regions"]["RegionList"]["Bag"]["li"]
    assert [each["Name"] for each in listed] == ["Ada", "Zoë"]
    assert float(listed[0]["Area"]["y"]) == pytest.approx(0.35)


def test_a_packet_that_is_there_is_replaced_where_it_is() -> None:
    before = jpeg(exif=exif(), xmp=LIGHTROOM)
    assert (xmp_of(before) or b"").strip() == LIGHTROOM.strip()
    after = with_xmp(before, packet(marks(photo("Max")), xmp_of(before)))
    assert after.count(b"http://ns.adobe.com/xap/1.0/\0") == 1
    assert names(xmp_of(after) or b"") == ["wedding", "Ada", "Max"]
    assert before.replace(LIGHTROOM, b"")[-2000:] == after[-2000:]


def test_what_a_segment_cannot_hold_is_refused() -> None:
    with pytest.raises(ExportError, match="does not fit"):
        with_xmp(jpeg(), bytes(65_600))


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff", b"\xff\xd8ab"]
)
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(ExportError, match="JPEG"):
        with_xmp(data, b"x")


def test_pictures_behind_the_first_stay_where_their_index_says() -> None:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue")]
    data = io.BytesIO()
    frames[0].save(data, "mpo", save_all=True, append_images=frames[1:])
    after = with_xmp(data.getvalue(), packet(marks(photo("Ada"))))
    with Image.open(io.BytesIO(after)) as image:
        image.seek(1)
        pixel = image.convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 200  # the blue one


def test_an_index_before_the_packet_would_be_wrong_so_nothing_is_written() -> None:
    head = b"\xff\xd8\xff\xe2\x00\x08MPF\0ab"
    there = b"http://ns.adobe.com/xap/1.0/\0<x/>"
    segment = b"\xff\xe1" + (len(there) + 2).to_bytes(2, "big") + there
    with pytest.raises(ExportError, match="further pictures"):
        with_xmp(head + segment + b"\xff\xda", b"y")
