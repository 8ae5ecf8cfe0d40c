#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the streams of package cmaftest, with ffmpeg 5.1.
cd "$(dirname "$0")" || exit 1
picture="-f lavfi -i testsrc2=size=128x72:rate=10:duration=6"
sound() { echo "-f lavfi -i sine=frequency=440:sample_rate=$1:duration=6"; }
out="-movflags frag_keyframe+delay_moov+default_base_moof -f mp4 -y -v error -fflags +bitexact -flags +bitexact"
x264="-c:v libx264 -preset veryfast -g 10 -pix_fmt yuv420p"
ffmpeg $picture $(sound 44100) $x264 -crf 40 -bf 2 -c:a aac -b:a 24k -ac 1 $out h264_aac.mp4
ffmpeg $picture $(sound 44100) $x264 -crf 44 -bf 0 -s 160x90 -c:a libmp3lame -b:a 32k -ac 1 $out h264_mp3.mp4
ffmpeg $picture $(sound 48000) -c:v libx265 -x265-params log-level=error:keyint=10:min-keyint=10:bframes=2 -preset veryfast \
  -crf 44 -pix_fmt yuv420p -c:a libopus -b:a 16k -ac 2 $out hevc_opus.mp4
ffmpeg $picture $(sound 48000) -c:v libaom-av1 -cpu-used 8 -crf 60 -b:v 0 -g 10 -c:a ac3 -b:a 64k $out av1_ac3.mp4
ffmpeg $picture $(sound 44100) -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 60 -b:v 0 -g 10 -c:a flac -strict -2 -ac 1 \
  -t 2 $out vp9_flac.mp4
