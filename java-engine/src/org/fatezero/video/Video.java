package org.fatezero.video;

import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVCodecParameters;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avcodec.AVPacketSideData;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVFrameSideData;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import static org.bytedeco.ffmpeg.global.avcodec.*;
import static org.bytedeco.ffmpeg.global.avformat.*;
import static org.bytedeco.ffmpeg.global.avutil.*;
import static org.bytedeco.ffmpeg.global.swscale.*;

/**
 * The frames of a video or picture, decoded one by one in the order in which they are shown, turned and mirrored as the file says.
 *
 * <p>Strict where players are lenient: what cannot be decoded whole is an error, since measures and training on frames that
 * a decoder made up would mean nothing.
 */
public final class Video implements AutoCloseable {

    private static final int ACCURATE = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT;
    private static final int DEFAULT = 1 << 16; // contrast and saturation, in swscale's fixed point
    private static final int CORRUPT = 1;       // AV_FRAME_FLAG_CORRUPT

    private final Path file;
    private final AVFormatContext container = new AVFormatContext(null);
    private final AVPacket packet = av_packet_alloc();
    private final AVFrame decoded = av_frame_alloc();
    private final AVFrame rgb = av_frame_alloc();
    private AVCodecContext decoder;
    private SwsContext converter;
    private int stream;
    private Orientation orientation;    // where a frame does not say another
    private int read;                   // frames so far

    /** @throws IOException if the file is missing or unreadable, or has no video */
    public Video(Path file) throws IOException {
        this.file = file;
        av_log_set_level(AV_LOG_QUIET); // what is wrong is in the exception
        try {
            open();
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /**
     * The first {@code most} frames, or all if there are fewer.
     *
     * @throws IOException if the file is missing, unreadable or has no video
     */
    public static List<Frame> read(Path file, int most) throws IOException {
        List<Frame> frames = new ArrayList<>();
        try (Video video = new Video(file)) {
            Frame frame;
            while (frames.size() < most && (frame = video.next()) != null) {
                frames.add(frame);
            }
        }
        return frames;
    }

    private void open() throws IOException {
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file + ": no such file");
        }
        if (Files.isDirectory(file)) {
            throw new IOException(file + ": a folder; a video or a picture is expected");
        }
        check(avformat_open_input(container, "file:" + file.toAbsolutePath(), null, null), "cannot be read as a video");
        check(avformat_find_stream_info(container, (AVDictionary) null), "cannot be read as a video");
        stream = av_find_best_stream(container, AVMEDIA_TYPE_VIDEO, -1, -1, (AVCodec) null, 0);
        if (stream == AVERROR_STREAM_NOT_FOUND()) {
            throw new IOException(file + ": holds no video");
        }
        check(stream, "its video cannot be found");
        AVCodecParameters parameters = container.streams(stream).codecpar();
        orientation = orientation(parameters);
        AVCodec codec = avcodec_find_decoder(parameters.codec_id());
        if (codec == null) {
            throw new IOException(file + ": there is no decoder for its video, " + avcodec_get_name(parameters.codec_id()).getString());
        }
        decoder = avcodec_alloc_context3(codec);
        check(avcodec_parameters_to_context(decoder, parameters), "its video cannot be decoded");
        decoder.thread_count(0); // as many as there are cores
        check(avcodec_open2(decoder, codec, (AVDictionary) null), "its video cannot be decoded");
    }

    /** Phones note how they were held as a matrix beside the stream. */
    private static Orientation orientation(AVCodecParameters parameters) {
        AVPacketSideData matrix = av_packet_side_data_get(parameters.coded_side_data(), parameters.nb_coded_side_data(),
                AV_PKT_DATA_DISPLAYMATRIX);
        return matrix == null ? Orientation.UPRIGHT : Orientation.of(matrix.data(), matrix.size());
    }

    /**
     * The next frame, or null behind the last one.
     *
     * @throws IOException if it cannot be decoded, or has another size than the first
     */
    public Frame next() throws IOException {
        int status;
        while ((status = avcodec_receive_frame(decoder, decoded)) == AVERROR_EAGAIN()) {
            feed();
        }
        if (status == AVERROR_EOF()) {
            if (read == 0) {
                throw new IOException(file + ": holds no frame");
            }
            return null;
        }
        check(status, "frame " + read + " cannot be decoded");
        if (decoded.decode_error_flags() != 0 || (decoded.flags() & CORRUPT) != 0) {
            throw new IOException(file + ": frame " + read + " is damaged");
        }
        AVFrameSideData own = av_frame_get_side_data(decoded, AV_FRAME_DATA_DISPLAYMATRIX); // a photograph's, by EXIF
        Frame frame = (own == null ? orientation : Orientation.of(own.data(), own.size())).upright(convert());
        read++;
        return frame;
    }

    /** Gives the decoder another packet, or the end. */
    private void feed() throws IOException {
        int status;
        do {
            av_packet_unref(packet);
            status = av_read_frame(container, packet);
        } while (status >= 0 && packet.stream_index() != stream);
        if (status == AVERROR_EOF()) {
            check(avcodec_send_packet(decoder, null), "its end cannot be decoded");
        } else {
            check(status, "cannot be read behind frame " + read);
            check(avcodec_send_packet(decoder, packet), "cannot be decoded behind frame " + read);
        }
    }

    private Frame convert() throws IOException {
        int width = decoded.width();
        int height = decoded.height();
        if (!Frame.fits(width, height)) {
            throw new IOException(file + ": frames of " + width + "x" + height + " are too large");
        }
        if (read == 0) {
            rgb.format(AV_PIX_FMT_RGB24).width(width).height(height);
            check(av_frame_get_buffer(rgb, 0), "no memory for a frame");
        } else if (width != rgb.width() || height != rgb.height()) {
            throw new IOException(file + ": frame " + read + " is " + width + "x" + height + ", those before it are " + rgb.width() + "x"
                    + rgb.height() + "; one size is expected");
        }
        converter = sws_getCachedContext(converter, width, height, decoded.format(), width, height, AV_PIX_FMT_RGB24, ACCURATE, null,
                null, (DoublePointer) null);
        if (converter == null) {
            throw new IOException(file + ": its pixels cannot be converted to RGB");
        }
        IntPointer matrix = sws_getCoefficients(decoded.colorspace());
        sws_setColorspaceDetails(converter, matrix, decoded.color_range() == AVCOL_RANGE_JPEG ? 1 : 0, matrix, 1, 0, DEFAULT, DEFAULT);
        check(sws_scale(converter, decoded.data(), decoded.linesize(), 0, height, rgb.data(), rgb.linesize()),
                "frame " + read + " cannot be converted to RGB");
        byte[] packed = new byte[3 * width * height];
        for (int y = 0; y < height; y++) {
            rgb.data(0).position((long) y * rgb.linesize(0)).get(packed, 3 * width * y, 3 * width);
        }
        return new Frame(width, height, packed);
    }

    private void check(int status, String what) throws IOException {
        if (status < 0) {
            byte[] text = new byte[AV_ERROR_MAX_STRING_SIZE];
            av_strerror(status, text, text.length);
            throw new IOException(file + ": " + what + ": " + new String(text, StandardCharsets.UTF_8).split("\0", 2)[0]);
        }
    }

    @Override
    public void close() {
        sws_freeContext(converter);
        converter = null;
        av_frame_free(rgb);
        av_frame_free(decoded);
        av_packet_free(packet);
        if (decoder != null) {
            avcodec_free_context(decoder);
            decoder = null;
        }
        avformat_close_input(container);
    }
}
